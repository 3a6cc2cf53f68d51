package outbox_test

// event has one thing happen, of those that can.
func (w *world) event() {
	d := w.docs[w.random.IntN(len(w.docs))]
	switch n := w.random.IntN(100); {
	case n < 45:
		w.do()
	case n < 60:
		if len(w.announced) > 0 {
			w.answer()
		}
	case n < 75:
		if len(w.sent) > 0 {
			w.reply()
		}
	case n < 80:
		if w.marking != nil {
			w.mark()
		}
	case n < 88:
		w.edit(d)
	case n < 90:
		w.purge(d)
	case n < 91:
		d.filter = verdict(w.random.IntN(3))
		if w.benign {
			d.filter = passes
		}
		w.edit(d)
	case n < 93:
		w.peerEdits(d)
	case n < 97:
		if w.offers && w.chance(4) {
			w.note("remind of %s", d.id)
			w.reminded[d.id] = true
			w.box.Remind(d.id)
		} else if w.offers {
			w.receive(d)
		} else if w.pulls {
			w.pull(d)
		}
	case n < 98:
		if w.pulls {
			w.forget(d)
		}
	case n < 99:
		if w.pulls {
			w.note("met %s", d.id)
			w.box.Met(d.id)
		}
	default:
		w.prefer(d)
	}
}

func (w *world) edit(d *document) {
	if d.conflicted {
		return // only its resolution changes it
	}
	if d.seq == 0 {
		d.known = version{}
	}
	w.change(d, version{a: d.is.a + 1, p: d.is.p})
}

func (w *world) purge(d *document) {
	if d.seq != 0 && !w.offers && !w.benign {
		w.note("purge %s", d.id)
		d.seq, d.conflicted, d.known = 0, false, version{}
	}
}

// peerEdits has the peer change a document, whatever we are about to send.
func (w *world) peerEdits(d *document) {
	if w.benign && !w.pulls {
		return // nobody would ever settle that
	}
	w.ahead++
	has := w.peer[d.id]
	w.peer[d.id] = version{a: has.a, p: w.ahead, byPeer: true}
	w.note("the peer has %s as %v", d.id, w.peer[d.id])
}

// receive takes what the peer has of a document, on the side that only offers: without any account of
// where it came from. A conflict is refused.
func (w *world) receive(d *document) {
	has := w.peer[d.id]
	switch {
	case has != version{} && has == d.is && w.chance(3):
		w.box.Received(d.id, has.id()) // once more, or after the feed has met it
		return
	case has == version{} || d.is.has(has) || !has.has(d.is):
		return
	}
	w.change(d, has)
	d.echo = true
	w.box.Received(d.id, has.id())
}

// pull brings what the peer has of a document, and settles a conflict.
func (w *world) pull(d *document) {
	has, before := w.peer[d.id], *d
	switch {
	case has == version{} || d.known == has:
	case d.seq == 0 || has.has(d.is):
		d.known, d.conflicted = has, false
		if d.is != has {
			w.change(d, has)
		}
	case d.is.has(has):
		d.known = has
	case !d.conflicted:
		d.conflicted, d.known = true, has
	}
	if d.conflicted && w.chance(2) {
		d.conflicted = false
		w.change(d, version{a: d.is.a + 1, p: max(d.is.p, d.known.p)})
	}
	if *d != before {
		w.note("pull %s: %+v", d.id, *d)
		w.box.Moved(d.id)
	}
}

// forget has the peer lose its last revision of a document, as in a power cut, and say so.
func (w *world) forget(d *document) {
	has := w.peer[d.id]
	if has.byPeer || has.a < 2 || d.seq == 0 || !d.is.has(has) || d.conflicted {
		return
	}
	if w.chance(4) { // the whole document, of which there is nothing to say
		delete(w.peer, d.id)
		w.note("the peer purges %s", d.id)
		return
	}
	has.a--
	w.peer[d.id] = has
	w.announceTheirs(d)
}

// announceTheirs has the pull hear of a revision of the peer that is older than ours.
func (w *world) announceTheirs(d *document) {
	has := w.peer[d.id]
	if has == (version{}) {
		return // it has nothing to announce
	}
	w.note("the peer has %s only as %v, we as %v", d.id, has, d.is)
	d.known = has
	w.box.PeerHas(d.id, d.is.id(), has.id())
}

// prefer has both settle one conflict, each in favour of its own revision.
func (w *world) prefer(d *document) {
	if w.offers || !w.pulls || d.seq == 0 || d.conflicted || w.peer[d.id] == (version{}) {
		return
	}
	w.ahead++
	w.peer[d.id] = version{a: d.is.a + 1, p: w.ahead, byPeer: true}
	w.change(d, version{a: d.is.a + 1, p: w.ahead})
	w.note("%s is settled twice: %v there", d.id, w.peer[d.id])
}

// checkAlways checks what holds at every moment.
func (w *world) checkAlways() {
	if err := w.box.Err(); err != nil {
		w.fail("a move that is not drawn: %v", err)
	}
	if most := 40 * (len(w.docs) + 2); w.box.Size() > most {
		w.fail("the outbox remembers %d things of %d documents", w.box.Size(), len(w.docs))
	}
	busy := len(w.announced)+len(w.sent)+len(w.marking)+len(w.asked) > 0 || w.target
	if w.box.Idle() && busy {
		w.fail("idle, though %d announcements and %d revisions are not answered, %d wanted, %d being marked, unread %v",
			len(w.announced), len(w.sent), len(w.asked), len(w.marking), w.target)
	}
}

// settle lets everything that is under way come to its end, and checks that the outbox knows that.
func (w *world) settle() {
	w.note("settle")
	for range 3 {
		w.drain()
		if len(w.wrong) > 0 {
			return
		}
		w.checkRest()
		if !w.pulls || !w.benign {
			break
		}
		for _, d := range w.docs {
			for range 20 { // until a conflict is settled too
				w.pull(d)
			}
			if has := w.peer[d.id]; d.seq != 0 && d.filter == passes && has != d.is && d.is.has(has) && has != (version{}) {
				w.announceTheirs(d)
			}
		}
		w.box.GiveUp()
	}
	if w.pulls && w.chance(2) {
		w.box.GiveUp()
		w.drain()
	}
}

// drain does and answers all that there is.
func (w *world) drain() {
	for range 10_000 {
		w.steps++
		did := w.do()
		switch {
		case did:
		case len(w.announced) > 0:
			w.answer()
		case len(w.sent) > 0:
			w.reply()
		case w.marking != nil:
			w.mark()
		default:
			return
		}
		w.checkAlways()
		if len(w.wrong) > 0 {
			return
		}
	}
	w.fail("there is no end of it")
}

// checkRest checks what holds when nothing is under way.
func (w *world) checkRest() {
	if !w.box.Idle() {
		w.fail("not idle, though nothing is under way")
	}
	if w.box.Held() > 0 && !w.pulls {
		w.fail("%d are held for a pull that there is not", w.box.Held())
	}
	if w.offers != w.caughtUp {
		w.fail("offers %v, and the peer is told that it is caught up: %v", w.offers, w.caughtUp)
	}
	w.box.Refeed() // twice: what came from the peer is forgotten when the feed has passed it
	w.target = true
	w.drain()
	w.box.Refeed()
	w.target = true
	w.drain()
	if most := 3 * w.box.Held(); w.box.Size() > most {
		w.fail("the outbox remembers %d things of %d held documents", w.box.Size(), w.box.Held())
	}
	held := w.box.Held()
	for _, d := range w.docs {
		if d.seq == 0 || !w.ledger.pending[d.seq] {
			continue
		}
		if end, told := w.told[d.seq]; told && end.Pending {
			continue // for the next session
		}
		if held--; held < 0 {
			w.fail("%s is pending at %d, and forgotten", d.id, d.seq)
		}
	}
}

// checkDelivered checks how the last session has left things.
func (w *world) checkDelivered() {
	for _, d := range w.docs {
		if d.seq == 0 || d.conflicted || d.filter != passes || d.echo || !w.chooses(d) {
			continue
		}
		end, told := w.told[d.seq]
		has := w.peer[d.id]
		purged := has == version{} && w.hasHad(d)
		if !purged && (has == version{} || !has.has(d.is)) && !(told && end.Err != nil) && !w.refused[d.seq] {
			w.fail("%s is %v at %d in the end, and the peer has %v", d.id, d.is, d.seq, has)
		}
	}
}
