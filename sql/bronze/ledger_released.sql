-- Records of an object that left the quarantine: loaded from there, or there already. The ledger
-- counts them anew, where it had counted them as quarantined.
with newest as (
    select object_key, sha256, least(n_quarantined, %(loaded)s + %(duplicates)s) as gone
    from bictl.object_ledger
    where object_key = %(file)s
    order by loaded_at desc
    limit 1
)
update bictl.object_ledger l
set
    n_quarantined = l.n_quarantined - n.gone,
    n_loaded = l.n_loaded + least(n.gone, %(loaded)s),
    n_duplicate = l.n_duplicate + n.gone - least(n.gone, %(loaded)s)
from newest n
where l.object_key = n.object_key and l.sha256 = n.sha256
