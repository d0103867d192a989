update bictl.takeover set sealed_at = now() where bronze_table = %(bronze)s and sealed_at is null
