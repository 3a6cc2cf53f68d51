package transport_test

import (
	"testing"

	"github.com/tandemdb/tandem/internal/transport"
)

func TestTwoPeersConnect(t *testing.T) {
	s := listen(t, transport.ServerConfig{Product: "Tandem/1.2"})
	c := mustDial(t, s, transport.DialConfig{})
	checkEcho(t, c)
	if c.Protocol() != cbm4 || c.ServerHeader() != "Tandem/1.2" || c.CorrelationID() == "" {
		t.Errorf("got protocol %q, server %q, ID %q", c.Protocol(), c.ServerHeader(), c.CorrelationID())
	}
	if err := c.Close(1000, ""); err != nil {
		t.Errorf("close: %v", err)
	}
}
