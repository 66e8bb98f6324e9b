-- title: Clients that call over outdated TLS
-- about: What to upgrade: calls and principals of each user agent and TLS version.
-- source: TLS Audit
-- by: client
-- chart: bar userAgent numOutdatedTlsCalls
SELECT
    userAgent,
    tlsDetails.tlsVersion AS tlsVersion,
    COUNT(DISTINCT COALESCE(userIdentity.arn, userIdentity.userName, userIdentity.principalId, userIdentity.invokedBy)) AS numPrincipals,
    COUNT(*) AS numOutdatedTlsCalls
FROM $EDS_ID
WHERE :outdated
    AND eventTime >= :start
    AND eventTime < :end
GROUP BY userAgent, tlsDetails.tlsVersion
ORDER BY numOutdatedTlsCalls DESC, userAgent, tlsVersion
