package tandem

import (
	"context"
	"errors"

	"github.com/tandemdb/tandem/internal/transport"
)

// TestConnection connects to the peer, logs in and hangs up. Nothing is replicated, and no certificate is
// remembered: [Replicator.ServerCertificate] returns it. The error is what a start would meet on its way
// to the peer's database: an unknown host, a certificate that is not trusted, a wrong password, a
// database that is not there. Collections are not asked for. A [DatabaseEndpoint] needs no connection:
// nil. The replicator need not run.
func (r *Replicator) TestConnection(ctx context.Context) error {
	if _, ok := r.cfg.Endpoint.(URLEndpoint); !ok {
		return nil
	}
	cfg, err := r.dialConfig(ctx)
	if err != nil {
		return err
	}
	conn, err := transport.Dial(ctx, cfg)
	var failed *transport.DialError
	switch {
	case err == nil:
		r.saw(transport.Seen{Certificates: conn.PeerCertificates(), CorrelationID: conn.CorrelationID()})
		_ = conn.Close(closeNormally, "") // what was asked is known
		return nil
	case errors.As(err, &failed):
		r.saw(failed.Seen)
		return r.explainVersioning(r.explain(ctx, failed.Err))
	}
	return err
}

// closeNormally is the code of WebSockets for an end without a fault.
const closeNormally = 1000
