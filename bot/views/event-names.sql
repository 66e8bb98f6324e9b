-- title: Event names called over outdated TLS
-- about: What is called: calls, principals and the last call of each event name of each service.
-- source: TLS Audit
-- by: event
-- chart: bar eventName numOutdatedTlsCalls
SELECT
    eventSource,
    eventName,
    COUNT(DISTINCT :principal) AS numPrincipals,
    MAX(eventTime) AS lastCall,
    COUNT(*) AS numOutdatedTlsCalls
FROM $EDS_ID
WHERE :outdated
    AND eventTime >= :start
    AND eventTime < :end
GROUP BY eventSource, eventName
ORDER BY numOutdatedTlsCalls DESC, eventSource, eventName
