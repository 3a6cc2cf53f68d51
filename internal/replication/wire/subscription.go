package wire

import (
	"encoding/json"
	"strconv"
	"strings"

	"github.com/tandemdb/tandem/blip"
	"github.com/tandemdb/tandem/internal/fault"
)

// Subscription holds the options of subChanges.
type Subscription struct {
	Since        string // JSON text of the sequence to continue after; "" for the beginning
	Continuous   bool
	LiveOnly     bool     // no tombstones before the peer is caught up
	Batch        int64    // changes in one message
	Channels     []string // of a Sync Gateway; empty means all
	Filter       string   // the name of any other filter
	HasFilter    bool     // the filter may have an empty name
	Replacements bool     // the peer may send a newer revision than the one asked for
	Revocations  bool     // the peer announces lost access
	Gateway      bool     // the subscriber is a Sync Gateway
	Versioning   string   // of the subscriber's database; "" if not given
	DocIDs       []string // nil means all documents
}

// AddTo writes the subscription into a message.
func (s *Subscription) AddTo(m *blip.Message) error {
	flag := func(name string, set bool) {
		if set {
			m.Properties.Add(name, Yes)
		}
	}
	if s.Since != "" {
		m.Properties.Add(PropSince, s.Since)
	}
	flag(PropContinuous, s.Continuous)
	m.Properties.Add(PropBatch, strconv.FormatInt(s.Batch, 10))
	flag(PropActiveOnly, s.LiveOnly)
	if len(s.Channels) > 0 {
		m.Properties.Add(PropFilter, filterByChannel)
		m.Properties.Add(PropChannels, strings.Join(s.Channels, ","))
	}
	flag(PropSendReplacement, s.Replacements)
	m.Properties.Add(PropVersioning, s.Versioning)
	flag(PropRevocations, s.Revocations)
	if s.DocIDs == nil {
		return nil
	}
	body, err := json.Marshal(docIDs{s.DocIDs})
	if err != nil {
		return fault.Unexpected.Because(err)
	}
	m.Body = body
	return nil
}

type docIDs struct {
	DocIDs []string `json:"docIDs"`
}

// ReadSubscription reads the options that a listener supports. An unreadable body restricts
// nothing.
func ReadSubscription(properties blip.Properties, body []byte, batch int64) Subscription {
	s := Subscription{
		Since:        strings.Trim(properties.Value(PropSince), `"`),
		Continuous:   properties.Bool(PropContinuous),
		LiveOnly:     properties.Bool(PropActiveOnly),
		Batch:        properties.Int(PropBatch, batch),
		Replacements: properties.Bool(PropSendReplacement),
		Gateway:      properties.Bool(PropClientSGR2),
		Versioning:   properties.Value(PropVersioning),
	}
	s.Filter, s.HasFilter = properties.Get(PropFilter)
	var wanted docIDs
	if len(body) > 0 && json.Unmarshal(body, &wanted) == nil {
		s.DocIDs = wanted.DocIDs
	}
	return s
}
