-- title: TLS versions per day
-- about: One row a day (UTC), calls per TLS version.
-- source: TLS Audit
-- chart: line day numTls13 numTls12 numTls11 numTls10
SELECT
    CAST(eventTime AS DATE) AS day,
    SUM(CASE WHEN :version = 'TLSv1.3' THEN 1 ELSE 0 END) AS numTls13,
    SUM(CASE WHEN :version = 'TLSv1.2' THEN 1 ELSE 0 END) AS numTls12,
    SUM(CASE WHEN :version = 'TLSv1.1' THEN 1 ELSE 0 END) AS numTls11,
    SUM(CASE WHEN :version = 'TLSv1' THEN 1 ELSE 0 END) AS numTls10,
    SUM(CASE WHEN :version IN ('TLSv1.3', 'TLSv1.2', 'TLSv1.1', 'TLSv1') THEN 0 ELSE 1 END) AS numOther,
    COUNT(*) AS numCalls
FROM $EDS_ID
WHERE eventTime >= :start
    AND eventTime < :end
GROUP BY CAST(eventTime AS DATE)
ORDER BY day
