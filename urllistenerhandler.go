package tandem

import (
	"context"
	"net/http"

	"github.com/tandemdb/tandem/internal/throttle"
	"github.com/tandemdb/tandem/internal/transport"
)

// Handler lets clients connect through another HTTP server, beside the listener's own port or,
// with DisablePort, in place of it. It answers requests whose path ends in
// "/DATABASE/_blipsync", checks them as the listener's own port does, and serves a connection
// until it ends. While the listener is not running it answers 503, after which replicators try
// again.
//
// The other server needs HTTP/1.1, and does TLS by itself. If clients have certificates, that
// server must request them (tls.RequestClientCert), and the listener verifies them.
func (l *URLEndpointListener) Handler() http.Handler {
	return listenerHandler{l}
}

type listenerHandler struct{ l *URLEndpointListener }

// ServeHTTP implements [http.Handler].
func (h listenerHandler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	server := h.l.running()
	if server == nil {
		http.Error(w, "the listener is not running", http.StatusServiceUnavailable)
		return
	}
	server.ServeHTTP(w, r)
}

// Throttle is for package rest: wrong passwords count for both ports together.
func (h listenerHandler) Throttle() *throttle.Throttle { return &h.l.guesses }

// ContextWithUser returns a context for a request to [URLEndpointListener.Handler] whose client the
// program has authenticated itself, for example by a session. The listener takes the user's name
// from the context, and does not call its authenticator.
func ContextWithUser(ctx context.Context, user string) context.Context {
	return transport.WithUser(ctx, user)
}
