-- title: Clients that call over outdated TLS
-- about: What to upgrade: calls and principals of each user agent and TLS version.
-- source: TLS Audit
-- by: client
-- chart: bar userAgent numOutdatedTlsCalls
SELECT
    userAgent,
    :version AS tlsVersion,
    COUNT(DISTINCT :principal) AS numPrincipals,
    COUNT(*) AS numOutdatedTlsCalls
FROM $EDS_ID
WHERE :outdated
    AND eventTime >= :start
    AND eventTime < :end
GROUP BY userAgent, :version
ORDER BY numOutdatedTlsCalls DESC, userAgent, tlsVersion
