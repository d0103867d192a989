select count(*) from bronze.cdc_quarantine where kafka_topic = %s
