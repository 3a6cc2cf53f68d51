package tandem

import (
	"context"
	"errors"
	"net/http"

	"github.com/tandemdb/tandem/blip"
	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/replication"
	"github.com/tandemdb/tandem/internal/transport"
)

// userAgent names Tandem to the peer.
const userAgent = "Tandem/" + Version

// maxDials bounds dials in a row: a remote of many servers may name itself otherwise each time.
const maxDials = 3

// dialURL opens a connection to a [URLEndpoint] for the runner. It dials again if the peer accepts a protocol that
// it does not speak.
func (r *Replicator) dialURL(ctx context.Context, known *replication.Acquaintance) (blip.Pipe, string, error) {
	for try := 1; ; try++ {
		conn, err := r.dialOnce(ctx, known)
		if err != nil {
			return nil, "", err
		}
		again, err := known.Met(ctx, conn.Protocol(), conn.ServerHeader())
		if err == nil && (!again || try == maxDials) {
			return conn, conn.Protocol(), nil
		}
		_ = conn.Close(closeNormally, "")
		switch {
		case errors.Is(err, replication.ErrSpeaksTrees):
			return nil, "", r.versioningMismatch(fault.New(fault.WebSocket, http.StatusInternalServerError, ""))
		case err != nil:
			return nil, "", err
		}
	}
}

// dialOnce opens a connection to a [URLEndpoint].
func (r *Replicator) dialOnce(ctx context.Context, known *replication.Acquaintance) (*transport.Conn, error) {
	cfg, err := r.dialConfig(ctx)
	if err != nil {
		return nil, err
	}
	if cfg.Protocols, err = known.Offers(ctx, r.cfg.pulls()); err != nil {
		return nil, err
	}
	conn, err := transport.Dial(ctx, cfg)
	var failed *transport.DialError
	switch {
	case err == nil:
		r.saw(transport.Seen{Certificates: conn.PeerCertificates(), CorrelationID: conn.CorrelationID()})
	case errors.As(err, &failed):
		r.saw(failed.Seen)
		r.saveCookies(ctx)
		return nil, r.explainVersioning(r.explain(ctx, failed.Err))
	default:
		return nil, err
	}
	if err := r.remember(ctx, conn.PeerCertificates()); err != nil {
		_ = conn.Abort()
		return nil, err
	}
	r.saveCookies(ctx)
	if r.cfg.Logger != nil {
		r.cfg.Logger.Info("connected", "peer", r.cfg.Endpoint.String(), "id", conn.CorrelationID(), "protocol", conn.Protocol())
	}
	return conn, nil
}

func (r *Replicator) saw(seen transport.Seen) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.seen = seen
}

func (r *Replicator) dialConfig(ctx context.Context) (transport.DialConfig, error) {
	trust, err := r.trust(ctx)
	if err != nil {
		return transport.DialConfig{}, err
	}
	cookies, err := r.loadCookies(ctx)
	if err != nil {
		return transport.DialConfig{}, err
	}
	cfg := transport.DialConfig{
		Endpoint:                  r.cfg.server().endpoint,
		Protocols:                 replication.Protocols(r.db.store.Versioning(), r.cfg.pulls()),
		Headers:                   r.cfg.Headers.Clone(),
		Cookies:                   cookies,
		AcceptParentDomainCookies: r.cfg.AcceptParentDomainCookies,
		Trust:                     trust,
		Timeout:                   r.cfg.Timeout,
		Heartbeat:                 r.cfg.Heartbeat,
		NetworkInterface:          r.cfg.NetworkInterface,
		UserAgent:                 userAgent,
		Proxy:                     r.cfg.Proxy,
		CheckRedirect:             r.cfg.CheckRedirect,
	}
	if r.cfg.Authenticator != nil {
		r.cfg.Authenticator.authenticate(&cfg)
	}
	return cfg, nil
}

func (r *Replicator) loadCookies(ctx context.Context) (*transport.Cookies, error) {
	cookies := new(transport.Cookies)
	text, err := r.db.cookies(ctx)
	if err == nil && text != nil {
		err = cookies.UnmarshalJSON(text)
	}
	if err != nil && !errors.Is(err, fault.NotFound) {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.cookies = cookies
	return cookies, nil
}

// saveCookies keeps what the peer has set, and forgets what it has taken back. Losing it costs a login, no more.
func (r *Replicator) saveCookies(ctx context.Context) {
	r.mu.Lock()
	cookies := r.cookies
	r.mu.Unlock()
	text, err := cookies.MarshalJSON()
	if err != nil {
		return
	}
	if string(text) == "null" || string(text) == "[]" {
		text = nil
	}
	if err = r.db.keepCookies(ctx, text); err != nil && ctx.Err() == nil && r.cfg.Logger != nil {
		r.cfg.Logger.Warn("replicator: cookies are not kept", "error", err)
	}
}
