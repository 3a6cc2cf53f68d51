package couchbaselite

var conflictStories = []tell{
	{name: "a conflict, by the default rules", run: func(s *story) {
		s.conflict()
		s.settle(nil)
		s.settled(nil)
		s.put("doc", `{"settled":true}`)
		s.sync(nil)
		s.want("doc", `{"settled":true}`)
		s.settled(nil)
	}},
	{name: "a conflict, by the app's resolver: local", run: func(s *story) {
		s.conflict()
		s.settle(args{"resolver": "local"})
		s.want("doc", `{"by":"app","a":1}`)
		s.settled(nil)
	}},
	{name: "a conflict, by the app's resolver: remote", run: func(s *story) {
		s.conflict()
		s.settle(args{"resolver": "remote"})
		s.want("doc", `{"by":"tandem","t":1}`)
		s.settled(nil)
	}},
	{name: "a conflict, by the app's resolver: merge", run: func(s *story) {
		s.conflict()
		s.settle(args{"resolver": "merge"})
		s.want("doc", `{"by":"app","a":1,"t":1}`)
		s.settled(nil)
	}},
	{name: "a document that both sides create", run: func(s *story) {
		s.put("doc", `{"by":"app"}`)
		s.save("doc", `{"by":"tandem"}`)
		s.settle(args{"resolver": "merge"})
		s.settled(nil)
	}},
	{name: "a document that both sides create alike", run: func(s *story) {
		s.put("doc", `{"same":1}`)
		s.save("doc", `{"same":1}`)
		s.settle(nil)
		s.want("doc", `{"same":1}`)
		s.settled(nil)
	}},
	{name: "a push alone leaves a conflict to the next pull", run: func(s *story) {
		s.conflict()
		r := s.trySync(args{"type": "push"})
		if len(r.Documents) != 1 || r.Documents[0].Error == nil || r.Documents[0].Error.Code != 10409 {
			s.Errorf("a push into a conflict tells of %+v, want one document with error 10409", r.Documents)
		}
		s.settle(nil)
		s.settled(nil)
	}},
	{name: "the app deletes what Tandem edits", run: func(s *story) {
		s.shared()
		s.del("doc")
		s.save("doc", `{"by":"tandem"}`)
		s.settle(nil)
		s.settled(nil)
	}},
	{name: "Tandem deletes what the app edits", run: func(s *story) {
		s.shared()
		s.put("doc", `{"by":"app"}`)
		s.remove("doc")
		s.settle(nil)
		s.settled(nil)
	}},
	{name: "Tandem deletes what the app edits, under a URL new to the app", run: func(s *story) {
		s.shared()
		s.put("doc", `{"by":"app"}`)
		s.remove("doc")
		s.moveListener()
		s.settle(nil)
		s.settled(nil)
	}},
	{name: "the app deletes what Tandem edits, under a URL new to the app", run: func(s *story) {
		s.shared()
		s.del("doc")
		s.save("doc", `{"by":"tandem"}`)
		s.moveListener()
		s.settle(nil)
		s.settled(nil)
	}},
	{name: "edits on both sides, under a URL new to the app", run: func(s *story) {
		s.shared()
		s.put("doc", `{"n":2}`)
		s.put("doc", `{"n":3}`)
		s.put("other", `{}`)
		s.save("third", `{}`)
		s.moveListener()
		s.sync(nil)
		s.want("doc", `{"n":3}`)
		s.settled(nil)
	}},
	{name: "both sides delete", run: func(s *story) {
		s.shared()
		s.del("doc")
		s.remove("doc")
		s.settle(nil)
		s.want("doc", "")
		s.settled(nil)
	}},
}

// shared gives both sides a document.
func (s *story) shared() {
	s.Helper()
	s.put("doc", `{"n":1}`)
	s.sync(nil)
}

// conflict has both sides edit a document that both have.
func (s *story) conflict() {
	s.Helper()
	s.shared()
	s.put("doc", `{"by":"app","a":1}`)
	s.save("doc", `{"by":"tandem","t":1}`)
}

// moveListener lets Tandem listen on another port, so that the app does not know what it has.
func (s *story) moveListener() {
	s.Helper()
	s.peer.stop()
	s.peer.port = 0
	s.peer.listen(s)
}

// settle lets a conflict be settled: the app pushes its resolution in its next run, and may tell of the
// conflict in this one.
func (s *story) settle(more args) {
	s.Helper()
	first := s.trySync(more)
	for _, d := range first.Documents {
		if d.Error != nil && d.Error.Code != 10409 && d.Error.Code != 8 {
			s.Errorf("the app's sync of %s: got %v, want a conflict at most", d.ID, d.Error)
		}
	}
	s.sync(nil)
}
