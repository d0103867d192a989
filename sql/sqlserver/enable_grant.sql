grant select on {object} to {login};
go
