alter role {role_name} add member {login};
go
