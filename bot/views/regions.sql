-- title: Regions called over outdated TLS
-- about: Calls, accounts and principals of each Region.
-- source: TLS Audit
-- by: region
-- chart: bar awsRegion numOutdatedTlsCalls
SELECT
    awsRegion,
    COUNT(DISTINCT recipientAccountId) AS numAccounts,
    COUNT(DISTINCT :principal) AS numPrincipals,
    COUNT(*) AS numOutdatedTlsCalls
FROM $EDS_ID
WHERE :outdated
    AND eventTime >= :start
    AND eventTime < :end
GROUP BY awsRegion
ORDER BY numOutdatedTlsCalls DESC, awsRegion
