package fault

// HintOf returns the first hint in err's tree. A tree without hints gets the hint for the first
// code in it that has a hint, or "".
func HintOf(err error) string {
	if hint := first(err, func(e *Error) string { return e.Hint }); hint != "" {
		return hint
	}
	return first(err, func(e *Error) string { return codeHints[e.Domain][e.Code] })
}

// first calls of with each *Error in err's tree, and returns the first text that is not "".
func first(err error, of func(*Error) string) string {
	if e, ok := err.(*Error); ok { //nolint:errorlint // the walk unwraps by itself
		if text := of(e); text != "" {
			return text
		}
	}
	switch wrapper := err.(type) { //nolint:errorlint // as above
	case interface{ Unwrap() error }:
		return first(wrapper.Unwrap(), of)
	case interface{ Unwrap() []error }:
		for _, err := range wrapper.Unwrap() {
			if text := first(err, of); text != "" {
				return text
			}
		}
	}
	return ""
}

// codeHints are the hints for errors that arrive as a bare code, from the network or from a peer
// that closes the connection.
var codeHints = map[Domain]map[int]string{
	WebSocket: {
		408: later, 429: later, 500: peersLog, 502: later, 503: later, 504: later,
		1001: "the peer was stopped or starts again: try again when it is back",
		1002: theLog, 1003: theLog, 1007: theLog, 1010: theLog,
		1006: network,
		1008: "the peer does not let this client go on: ask its operator why",
		1009: "make the document or blob smaller, or ask the peer's operator for a higher limit",
		1011: peersLog,
		1012: later, 1013: later, 4001: later,
		1015: "check the certificates of both sides",
		4002: peersLog,
	},
	Network: {
		1: thisNetwork, 2: "check the name for a typing error", 3: network,
		4:  "write it as wss://host:port/database",
		5:  "give the URL that the peer redirects to",
		6:  "use wss:// towards a peer with TLS, and ws:// towards one without",
		12: "give the URL that the peer redirects to",
		13: network, 16: network, 17: network, 18: network, 19: "check that the peer is listening at this port",
		20: thisNetwork, 21: thisNetwork, 22: network, 23: network, 24: network,
		25: "name an address that this device has", 26: network, 27: "name an interface that this device has",
	},
}

const (
	later       = "try again later; a continuous replicator does so by itself"
	network     = "check the network between this device and the peer, and that the peer still runs"
	thisNetwork = "check this device's network connection"
	peersLog    = "look into the log of the peer"
	theLog      = "look at what the two have said: a log of level Debug has each message"
)
