package rest

import (
	"context"
	"net/http"
	"time"

	"github.com/tandemdb/tandem"
)

// testTime bounds the test of a connection.
const testTime = 20 * time.Second

// connectionTest is the answer to POST /_replicate/_test.
type connectionTest struct {
	OK          bool       `json:"ok"`
	Fingerprint string     `json:"fingerprint,omitempty"` // of the certificate that the peer has shown
	Error       *taskError `json:"error,omitempty"`
}

// testReplication connects to the peer of a replication and logs in, as the replication would, and hangs
// up. It needs what the replication needs.
func testReplication(c *call) error {
	var what Replication
	if err := c.decodeExactly(&what, maxRequest, "the body is no replication"); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(c.r.Context(), testTime)
	defer cancel()
	what, err := findPeer(ctx, c.who, what)
	if err != nil {
		return err
	}
	p, err := c.h.parse(what)
	if err != nil {
		return err
	}
	cfg, err := c.h.replicatorConfiguration(ctx, c.who, &p)
	if err != nil {
		return err
	}
	return c.answerTest(ctx, cfg)
}

func (c *call) answerTest(ctx context.Context, cfg tandem.ReplicatorConfiguration) error {
	r, err := tandem.NewReplicator(cfg)
	if err != nil {
		return err
	}
	failed := r.TestConnection(ctx)
	answer := connectionTest{OK: failed == nil, Error: errorOfTask(failed)}
	if cert := r.ServerCertificate(); cert != nil {
		answer.Fingerprint = tandem.Fingerprint(cert)
	}
	return c.answer(http.StatusOK, answer)
}
