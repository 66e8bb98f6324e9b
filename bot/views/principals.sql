-- title: Principals that call over outdated TLS
-- about: Who to ask: calls, services, clients and the last call of each principal.
-- source: TLS Audit
-- by: principal
-- chart: bar principal numOutdatedTlsCalls
SELECT
    :principal AS principal,
    COUNT(DISTINCT eventSource) AS numServices,
    COUNT(DISTINCT userAgent) AS numClients,
    MAX(eventTime) AS lastCall,
    COUNT(*) AS numOutdatedTlsCalls
FROM $EDS_ID
WHERE :outdated
    AND eventTime >= :start
    AND eventTime < :end
GROUP BY :principal
ORDER BY numOutdatedTlsCalls DESC, principal
