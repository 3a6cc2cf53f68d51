package outbox_test

import (
	"time"

	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/replication/outbox"
	"github.com/tandemdb/tandem/internal/replication/wire"
	"github.com/tandemdb/tandem/internal/revision"
)

// versionOf reads a revision that the world has made.
func versionOf(r revision.Rev) version {
	number := func(id revision.ID) int { return int(id.Time()>>16) - 1 }
	v := version{byPeer: r.ID.Source() == them}
	for _, id := range append([]revision.ID{r.ID}, r.History.Previous...) {
		if id.Source() == them {
			v.p = number(id)
		} else {
			v.a = number(id)
		}
	}
	return v
}

func (w *world) now() time.Time { return time.Unix(int64(w.steps)+1, 0) }

// answer answers the oldest announcement.
func (w *world) answer() {
	batch := w.announced[0]
	w.announced = w.announced[1:]
	if !w.benign && w.chance(20) {
		w.note("reject %s", names(batch))
		w.box.Rejected(batch, fault.Remote)
		return
	}
	answers := make([]wire.Answer, len(batch))
	for i, it := range batch {
		if w.offers {
			answers[i] = w.judgeOffer(it)
		} else {
			answers[i] = w.judgeProposal(it)
		}
		if answers[i].Send || !w.offers && answers[i].Status == 0 {
			w.asked[it] = true
		}
		w.note("answer %s %+v", names(batch[i:i+1]), answers[i])
	}
	w.box.Answered(batch, answers, w.now())
}

// judgeOffer is the answer of a subscriber.
func (w *world) judgeOffer(it *outbox.Item) wire.Answer {
	has := w.peer[it.ID]
	switch {
	case has != version{} && has.rev().Contains(it.Rev.ID):
		return wire.Answer{}
	case !w.benign && w.chance(20):
		return wire.Answer{Status: 409}
	case has == version{}:
		return wire.Answer{Send: true}
	}
	return wire.Answer{Send: true, Known: []revision.ID{has.id()}}
}

// judgeProposal is the answer of a listener.
func (w *world) judgeProposal(it *outbox.Item) wire.Answer {
	has := w.peer[it.ID]
	if !w.benign {
		switch w.random.IntN(40) {
		case 0:
			return wire.Answer{Status: 403}
		case 1:
			return wire.Answer{Status: 503}
		case 2:
			return wire.Answer{Status: 500}
		case 3:
			return wire.Answer{Status: 409}
		}
	}
	switch {
	case has == version{} && it.Parent == "":
		return wire.Answer{}
	case has == version{}:
		return wire.Answer{Status: 409, HasRev: true}
	case has.id() == it.Rev.ID, !w.strict && has.rev().Contains(it.Rev.ID):
		return wire.Answer{Status: 304}
	case it.Parent == has.id(), !w.strict && it.Rev.Contains(has.id()):
		return wire.Answer{}
	}
	return wire.Answer{Status: 409, Rev: has.rev().Vector(), HasRev: true}
}

// reply replies to one of the revisions on their way.
func (w *world) reply() {
	i := w.random.IntN(len(w.sent))
	it := w.sent[i]
	w.sent = append(w.sent[:i:i], w.sent[i+1:]...)
	err := w.judgeRevision(it)
	w.note("reply %s %v", names([]*outbox.Item{it}), err)
	w.box.Replied(it, err, w.now())
}

func (w *world) judgeRevision(it *outbox.Item) error {
	has, is := w.peer[it.ID], versionOf(it.Rev)
	status := func(code int) error { return fault.New(fault.WebSocket, code, "") }
	if !w.benign {
		switch w.random.IntN(30) {
		case 0:
			w.forbidden[it]++
			return status(403)
		case 1:
			return status(503)
		case 2:
			return status(500)
		case 3:
			if w.isDelta[it] {
				w.asked[it] = true // it is expected again, whole
				return status(422)
			}
		}
	}
	if has != (version{}) && !is.has(has) && it.Parent != has.id() {
		return fault.Conflict
	}
	w.peer[it.ID] = is
	w.had[it.ID] = version{a: max(w.had[it.ID].a, is.a)}
	return nil
}

// mark notes in the database what the peer has taken, unless the pull has brought later news.
func (w *world) mark() {
	items := w.marking
	w.marking = nil
	for _, it := range items {
		d, is := w.document(it.ID), versionOf(it.Rev)
		if d.known.id() == it.Known || is.has(d.known) {
			d.known = is
		}
	}
	w.box.Marked(items)
}
