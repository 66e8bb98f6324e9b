-- title: Readiness per day
-- about: One row a day (UTC): shares at TLS 1.3, at ML-KEM and at ML-KEM-1024 (CNSA 2.0) of the calls that say so, the share of calls by SDKs out of support, and the calls.
-- source: TLS Audit
-- chart: line day percentTls13 percentPostQuantum percentCnsa percentUnsupported
SELECT
    CAST(eventTime AS DATE) AS day,
    1E2 * AVG(CASE WHEN :version = 'TLSv1.3' THEN 1 WHEN :version IN ('SSLv2', 'SSLv3', 'TLSv1', 'TLSv1.1', 'TLSv1.2') THEN 0 END) AS percentTls13,
    1E2 * AVG(CASE WHEN :pq THEN 1 WHEN :classical THEN 0 END) AS percentPostQuantum,
    1E2 * AVG(CASE WHEN :cnsa THEN 1 WHEN :exchange IS NULL THEN NULL ELSE 0 END) AS percentCnsa,
    1E2 * AVG(CASE WHEN :unsupported THEN 1 ELSE 0 END) AS percentUnsupported,
    COUNT(*) AS numCalls
FROM $EDS_ID
WHERE eventTime >= :start
    AND eventTime < :end
GROUP BY CAST(eventTime AS DATE)
ORDER BY day
