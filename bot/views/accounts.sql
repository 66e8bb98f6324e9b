-- title: Accounts called over outdated TLS
-- about: Calls, principals and services of each account.
-- source: TLS Audit
-- by: account
-- chart: bar recipientAccountId numOutdatedTlsCalls
SELECT
    recipientAccountId,
    COUNT(DISTINCT :principal) AS numPrincipals,
    COUNT(DISTINCT eventSource) AS numServices,
    COUNT(*) AS numOutdatedTlsCalls
FROM $EDS_ID
WHERE :outdated
    AND eventTime >= :start
    AND eventTime < :end
GROUP BY recipientAccountId
ORDER BY numOutdatedTlsCalls DESC, recipientAccountId
