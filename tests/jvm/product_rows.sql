-- 61,443 products: every kind of text, NULL beside the empty text, numbers at both ends of their type.
insert into dbo."Product"
select
    g,
    case g % 7
        when 0 then 'Болт М' || g || ' «оцинк.»'
        when 1 then 'Widget "' || g || '" 12'' × 3½ 日本語'
        when 2 then '  Padded name ' || g || '  '
        when 3 then 'Насос ' || g || E'\tтаб'
        when 4 then 'Emoji 🔧 ' || g
        when 5 then 'Plain product ' || g
        else 'Ärger & <b>' || g || '</b> \ back' end,
    'VC-' || lpad((g * 7919 % 1000000)::text, 6, '0') || case when g % 50 = 0 then '/' || g % 9 else '' end,
    case
        when g % 3 = 0 then null
        when g % 1000 = 1 then repeat('Длинное описание ' || g || E'\n', 200)
        when g % 11 = 0 then ''
        else 'Description of product ' || g || E'\nline two' end,
    case when g % 5 = 0 then null else (g % 9973) * 0.1237 end,
    case when g % 4 = 0 then null else (g % 1009) * 1.5 end,
    case when g % 4 = 1 then null else (g % 997) * 0.0001 end,
    case when g % 6 = 0 then null when g % 6 = 1 then 0 else (g % 499) * 2.25 end,
    case
        when g % 9 = 0 then null
        when g % 9999 = 0 then 999999999999.999999
        when g % 7777 = 0 then -0.000001
        else (g % 31) * 0.333333 end,
    case when g % 17 = 0 then null else round(((g::bigint * 37) % 1000000) / 100.0, 4) end,
    g % 8 <> 0,
    case when g % 10 = 0 then null else g % 120 end,
    case when g % 13 = 0 then null else g % 77 end,
    timestamp '2015-01-01' + g * interval '1 hour 7 minutes 3.123457 seconds',
    case when g % 2 = 0 then null else timestamp '2023-06-01' + g * interval '13 minutes 0.001 seconds' end
from generate_series(1, 61443) as g;
