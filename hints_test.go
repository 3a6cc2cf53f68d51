package tandem_test

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/tandemdb/tandem"
)

// Everything that Validate reports comes with a hint.
func TestE17ConfigurationErrorsHaveHints(t *testing.T) {
	coll := newCollection(t)
	root, err := tandem.CreateIdentity(nil, tandem.TLSIdentityOptions{CommonName: "root"})
	check(t, err)
	twice := tandem.ReplicatorConfiguration{
		Type: 9, Heartbeat: -1, MaxAttempts: -1,
		AcceptOnlySelfSignedServerCertificate: true,
		TrustedRootCertificates:               root.Certificates(),
		PinnedServerFingerprint:               "x",
		Headers:                               http.Header{"a b": {"c"}},
		Proxy:                                 &url.URL{Scheme: "ftp", Host: "proxy"},
		Authenticator:                         tandem.BasicAuthenticator{Username: "a:b"},
	}
	twice.AddCollection(coll)
	twice.AddCollection(coll)
	pinned := tandem.ReplicatorConfiguration{PinnedServerCertificate: []byte("x"), Authenticator: tandem.SessionAuthenticator{}}
	pinned.AddCollection(nil)
	for name, err := range map[string]error{
		"replicator": twice.Validate(),
		"pin":        pinned.Validate(),
		"identity":   tandem.ReplicatorConfiguration{Authenticator: tandem.ClientCertificateAuthenticator{}}.Validate(),
		"listener": tandem.URLEndpointListenerConfiguration{
			DisablePort: true, Port: 1, TLSIdentity: new(tandem.TLSIdentity), Authenticator: new(tandem.ListenerAuthenticator),
			AllowedOrigins: []string{"x"}, MaxConnections: -1, Heartbeat: -1,
		}.Validate(),
		"nil":     tandem.URLEndpointListenerConfiguration{Collections: []*tandem.Collection{nil}}.Validate(),
		"options": tandem.Options{Versioning: "x"}.Validate(),
	} {
		joined, ok := err.(interface{ Unwrap() []error })
		if !ok {
			t.Errorf("%s: %v is no list", name, err)
			continue
		}
		for _, each := range joined.Unwrap() {
			if tandem.HintOf(each) == "" {
				t.Errorf("%s: no hint about: %v", name, each)
			}
		}
	}
}
