-- title: Key exchange per service
-- about: Classical and post-quantum key exchange of each service, where it is recorded.
-- source: TLS Audit
SELECT
    eventSource,
    :exchange AS keyExchange,
    CASE WHEN :classical THEN 'classical' ELSE 'post-quantum' END AS kind,
    COUNT(DISTINCT userAgent) AS numClients,
    COUNT(*) AS numCalls
FROM $EDS_ID
WHERE :exchange IS NOT NULL
    AND eventTime >= :start
    AND eventTime < :end
GROUP BY
    eventSource,
    :exchange,
    CASE WHEN :classical THEN 'classical' ELSE 'post-quantum' END
ORDER BY eventSource, numCalls DESC, keyExchange
