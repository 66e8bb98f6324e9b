-- title: Findings: who calls what, with which client
-- about: One row for each service, principal and client; a role stands for all its sessions.
-- source: TLS Audit
-- by: finding
SELECT
    eventSource,
    :role AS principal,
    userAgent,
    MIN(eventTime) AS firstCall,
    MAX(eventTime) AS lastCall,
    COUNT(*) AS numOutdatedTlsCalls
FROM $EDS_ID
WHERE :outdated
    AND eventTime >= :start
    AND eventTime < :end
GROUP BY
    eventSource,
    :role,
    userAgent
ORDER BY numOutdatedTlsCalls DESC, eventSource, principal, userAgent
