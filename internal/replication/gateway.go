package replication

import (
	"github.com/tandemdb/tandem/blip"
	"github.com/tandemdb/tandem/internal/replication/wire"
)

// isFromGateway reports whether a message comes from a Sync Gateway: no other peer names the type of a body.
func isFromGateway(props blip.Properties) bool {
	_, given := props.Get(wire.PropContentType)
	return given
}
