-- title: Handshakes over outdated TLS
-- about: Which TLS version each client negotiated with each host that it asked for.
-- source: TLS Audit
-- by: handshake
SELECT
    eventSource,
    :host AS host,
    userAgent,
    :version AS tlsVersion,
    COUNT(*) AS numOutdatedTlsCalls
FROM $EDS_ID
WHERE :outdated
    AND eventTime >= :start
    AND eventTime < :end
GROUP BY eventSource, :host, userAgent, :version
ORDER BY numOutdatedTlsCalls DESC, eventSource, host, userAgent, tlsVersion
