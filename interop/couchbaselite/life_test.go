package couchbaselite

import (
	"fmt"
	"sync"
)

var lifeStories = []tell{
	{name: "continuous, both ways", run: func(s *story) {
		s.start("main", nil)
		for n := range 20 {
			s.put("theirs", fmt.Sprintf(`{"n":%d}`, n))
			s.save("ours", fmt.Sprintf(`{"n":%d}`, n))
		}
		s.until("both have the last edits", func() bool { return s.have("ours", 19) && s.have("theirs", 19) })
		s.del("theirs")
		s.remove("ours")
		s.until("both have the deletions", func() bool { return len(s.appDocuments())+len(s.tandemDocuments()) == 0 })
		s.stop("main")
		s.settled(nil)
	}},
	{name: "continuous, and the listener restarts", run: func(s *story) {
		s.put("doc", `{"n":0}`)
		s.start("main", nil)
		s.until("the document has arrived", func() bool { return s.have("doc", 0) })
		for n := 1; n <= 2; n++ {
			s.peer.cut()
			s.put("doc", fmt.Sprintf(`{"n":%d}`, n))
			s.save("ours", fmt.Sprintf(`{"n":%d}`, n))
			s.peer.listen(s)
			if s.peer.side == library { // it has said that it goes, which Couchbase Lite takes for the end
				s.until("the app's replicator has stopped", func() bool { return s.status("main").Activity == "stopped" })
				s.start("main", nil)
			}
			s.until("the edits have arrived", func() bool { return s.have("doc", n) && s.have("ours", n) })
		}
		s.stop("main")
		s.settled(nil)
	}},
	{name: "Tandem is cut off in mid-sync", run: func(s *story) {
		const n = 3000
		s.load("their ", n)
		s.fill("our ", n)
		var cut sync.WaitGroup
		cut.Go(func() {
			s.until("some have arrived", func() bool { return s.count() > n+n/10 })
			s.peer.cut()
		})
		s.trySync(nil) // may have been faster than the cut
		cut.Wait()
		s.sound()
		s.peer.listen(s)
		s.sync(nil)
		s.settled(nil)
	}},
	{name: "the app is killed in mid-sync", run: func(s *story) {
		const n = 3000
		folder := s.TempDir()
		own := startApp(s, s.version, folder)
		mortal := &story{TB: s.TB, version: s.version, app: own, db: "mortal", peer: s.peer}
		check(s, own.do("open", args{"db": "mortal"}, nil))
		mortal.load("their ", n)
		mortal.fill("our ", n)
		mortal.start("main", args{"attempts": 1})
		mortal.until("some have arrived", func() bool { return mortal.count() > n+n/10 })
		own.kill()
		mortal.sound()
		mortal.app = startApp(s, s.version, folder)
		check(s, mortal.app.do("open", args{"db": "mortal"}, nil))
		mortal.sync(nil)
		mortal.settled(nil)
	}},
	{name: "a triangle: two apps and one Tandem", run: func(s *story) {
		second := *s
		second.db = s.db + "second"
		check(s, s.app.do("open", args{"db": second.db}, nil))
		s.put("first", `{}`)
		second.put("second", `{}`)
		s.save("third", `{}`)
		s.put("all", `{"by":"first"}`)
		second.put("all", `{"by":"second"}`)
		for range 2 {
			s.settle(nil)
			second.settle(nil)
		}
		s.sync(nil)
		s.settled(nil)
		second.settled(nil)
		s.put("all", `{"n":1}`)
		s.sync(nil)
		second.sync(nil)
		second.want("all", `{"n":1}`)
		second.del("all")
		second.sync(nil)
		s.sync(nil)
		s.want("all", "")
		s.settled(nil)
		second.settled(nil)
		check(s, s.app.do("close", args{"db": second.db}, nil))
	}},
	{name: "every checkpoint is forgotten", run: func(s *story) {
		s.put("theirs", `{"n":1}`)
		s.save("ours", `{"n":1}`)
		s.sync(nil)
		s.put("theirs", `{"n":2}`)
		s.save("ours", `{"n":2}`)
		s.sync(args{"reset": true})
		s.settled(nil)
	}},
}

// start begins to replicate continuously.
func (s *story) start(name string, more args) {
	s.Helper()
	c := s.with(more)
	c["as"], c["continuous"] = s.db+name, true
	if _, given := c["attempts"]; !given {
		c["attempts"], c["wait"] = 1000, 1
	}
	check(s, s.app.do("replicate", c, nil))
}

// status is that of a continuous replicator.
func (s *story) status(name string) (r replicated) {
	s.Helper()
	check(s, s.app.do("status", args{"as": s.db + name}, &r))
	return r
}

func (s *story) stop(name string) {
	s.Helper()
	check(s, s.app.do("stop", args{"as": s.db + name}, nil))
}

// have reports whether both sides have the document, with n.
func (s *story) have(id string, n int) bool {
	want := fmt.Sprint(map[string]any{"n": float64(n)})
	return fmt.Sprint(s.appDocuments()[id]) == want && fmt.Sprint(s.tandemDocuments()[id]) == want
}

// count gives the number of Tandem's documents.
func (s *story) count() int {
	n, err := s.peer.docs.Count(s.Context())
	check(s, err)
	return int(n)
}

// load gives the app n documents.
func (s *story) load(prefix string, n int) {
	s.Helper()
	check(s, s.app.do("load", args{"db": s.db, "prefix": prefix, "count": n, "json": `{"text":"some text"}`}, nil))
}

// fill gives Tandem n documents.
func (s *story) fill(prefix string, n int) {
	s.Helper()
	for i := range n {
		s.save(fmt.Sprintf("%s%d", prefix, i), fmt.Sprintf(`{"number":%d}`, i))
	}
}
