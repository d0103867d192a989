-- The connector's login {words}: it reads the captured tables (for the snapshot), the schema cdc
-- (the changes) and whether the Agent runs. The last grant lets `bictl cdc check` see how long
-- changes are kept.
if suser_id({login_text}) is null
begin
    raiserror(N'There is no login %s: create it, with a password.', 16, 1, {login_text});
end;
go

if user_id({login_text}) is null
begin
    create user {login} for login {login};
end;
go

grant select on schema::cdc to {login};
go
