-- title: Key exchange per service
-- about: Classical and post-quantum key exchange of each service, where it is recorded.
-- source: TLS Audit
SELECT
    eventSource,
    JSON_EXTRACT_SCALAR(eventJson, '$.tlsDetails.keyExchange') AS keyExchange,
    CASE WHEN :classical THEN 'classical' ELSE 'post-quantum' END AS kind,
    COUNT(DISTINCT userAgent) AS numClients,
    COUNT(*) AS numCalls
FROM $EDS_ID
WHERE JSON_EXTRACT_SCALAR(eventJson, '$.tlsDetails.keyExchange') IS NOT NULL
    AND eventTime >= :start
    AND eventTime < :end
GROUP BY
    eventSource,
    JSON_EXTRACT_SCALAR(eventJson, '$.tlsDetails.keyExchange'),
    CASE WHEN :classical THEN 'classical' ELSE 'post-quantum' END
ORDER BY eventSource, numCalls DESC, keyExchange
