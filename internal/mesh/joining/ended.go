package joining

import "github.com/tandemdb/tandem/internal/fault"

// Ended is why a code opens nothing. Only who proves the code is told more than [Refused].
type Ended string

// The reasons.
const (
	Refused   Ended = "refused" // the other end has not proved the code; never on the wire
	Used      Ended = "used"
	Expired   Ended = "expired"
	Cancelled Ended = "cancelled"
	Failed    Ended = "failed" // the code is good, but the inviter cannot grant now
)

// IsFinal reports whether the code is of no use any more.
func (e Ended) IsFinal() bool { return e == Used || e == Expired || e == Cancelled }

// Err returns the reason for people, nil for "".
func (e Ended) Err() error {
	no := fault.Forbidden.In("join group", "")
	switch e {
	case "":
		return nil
	case Used:
		return no.Says("another device has used this code").
			Try("ask for a new code; if no device of yours has used this one, look at the members, and remove the stranger")
	case Expired:
		return no.Says("the code has expired").Try("ask for a new code: it is good for ten minutes, and until the inviter stops")
	case Cancelled:
		return no.Says("the inviter has cancelled the code").Try("ask for a new code")
	case Failed:
		return fault.Remote.In("join group", "").Says("the code is right, but the inviter could not make this device a member").
			Try("look at what the inviter says, and try again")
	default:
		return no.Says("the device there does not know this code").
			Try("is it the inviter's device, and does it still run? Otherwise ask for a new code")
	}
}
