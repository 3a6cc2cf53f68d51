package replication

import (
	"github.com/tandemdb/tandem/blip"
	"github.com/tandemdb/tandem/internal/replication/wire"
)

// isFromGateway reports whether Sync Gateway sent the message: no other peer sets the content type
// of a body.
func isFromGateway(props blip.Properties) bool {
	_, given := props.Get(wire.PropContentType)
	return given
}
