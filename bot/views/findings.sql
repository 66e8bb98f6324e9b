-- title: Findings: who calls what, with which client
-- about: One row for each service, principal and client; a role stands for all its sessions. Unnamed calls have a blank where the name should be, and are named by what else they say.
-- source: TLS Audit
-- by: finding
SELECT
    eventSource,
    :role AS principal,
    userAgent,
    MIN(eventTime) AS firstCall,
    MAX(eventTime) AS lastCall,
    COUNT(*) AS numOutdatedTlsCalls,
    SUM(CASE WHEN COALESCE(userIdentity.sessionContext.sessionIssuer.arn, userIdentity.arn, userIdentity.userName, userIdentity.principalId, userIdentity.invokedBy, '') = '' THEN 1 ELSE 0 END) AS numUnnamedCalls
FROM $EDS_ID
WHERE :outdated
    AND eventTime >= :start
    AND eventTime < :end
GROUP BY
    eventSource,
    :role,
    userAgent
ORDER BY numOutdatedTlsCalls DESC, eventSource, principal, userAgent
