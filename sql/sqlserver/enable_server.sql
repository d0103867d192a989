
use master;
go

grant view server state to {login};
go

use msdb;
go

if user_id({login_text}) is null
begin
    create user {login} for login {login};
end;
go

grant select on dbo.cdc_jobs to {login};
go
