select count(*) from {view}
