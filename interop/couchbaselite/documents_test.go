package couchbaselite

import (
	"encoding/base64"
	"fmt"
	"strings"

	"github.com/tandemdb/tandem"
)

var documentStories = []tell{
	{name: "push and pull", run: func(s *story) {
		s.put("theirs", `{"from":"app"}`)
		s.save("ours", `{"from":"tandem"}`)
		s.sync(nil)
		s.want("theirs", `{"from":"app"}`)
		s.want("ours", `{"from":"tandem"}`)
		s.settled(nil)
	}},
	{name: "push alone, then pull alone", run: func(s *story) {
		s.put("theirs", `{"n":1}`)
		s.save("ours", `{"n":2}`)
		s.sync(args{"type": "push"})
		if got := s.appDocuments(); len(got) != 1 {
			s.Errorf("after a push the app has %v", got)
		}
		s.sync(args{"type": "pull"})
		s.settled(args{"type": "pull"})
	}},
	{name: "every kind of value", run: func(s *story) {
		const body = `{"null":null,"true":true,"int":-9007199254740993,"float":0.1,"small":1e-7,"text":"ä€𝄞\"\\",` +
			`"list":[[],{},[1,[2]]],"deep":{"a":{"b":{"c":[null]}}}}`
		s.put("theirs", body)
		s.save("ours", body)
		s.sync(nil)
		s.settled(nil)
	}},
	{name: "edits on both sides", run: func(s *story) {
		s.put("theirs", `{"n":0}`)
		s.save("ours", `{"n":0}`)
		s.sync(nil)
		for round := 1; round <= 3; round++ {
			s.put("ours", fmt.Sprintf(`{"n":%d,"by":"app"}`, round))
			s.save("theirs", fmt.Sprintf(`{"n":%d,"by":"tandem"}`, round))
			s.sync(nil)
			s.want("ours", fmt.Sprintf(`{"n":%d,"by":"app"}`, round))
			s.want("theirs", fmt.Sprintf(`{"n":%d,"by":"tandem"}`, round))
		}
		s.settled(nil)
	}},
	{name: "sixty edits between two syncs", run: func(s *story) {
		s.put("theirs", `{"n":0}`)
		s.save("ours", `{"n":0}`)
		s.sync(nil)
		for n := 1; n <= 60; n++ {
			s.put("theirs", fmt.Sprintf(`{"n":%d}`, n))
			s.save("ours", fmt.Sprintf(`{"n":%d}`, n))
		}
		s.sync(nil)
		s.want("theirs", `{"n":60}`)
		s.want("ours", `{"n":60}`)
		s.settled(nil)
	}},
	{name: "deletions on both sides", run: func(s *story) {
		s.put("theirs", `{}`)
		s.save("ours", `{}`)
		s.sync(nil)
		s.del("ours")
		s.remove("theirs")
		s.sync(nil)
		s.want("ours", "")
		s.want("theirs", "")
		s.settled(nil)
	}},
	{name: "created anew after a deletion", run: func(s *story) {
		s.put("theirs", `{"life":1}`)
		s.save("ours", `{"life":1}`)
		s.sync(nil)
		s.del("theirs")
		s.remove("ours")
		s.sync(nil)
		s.put("theirs", `{"life":2}`)
		s.save("ours", `{"life":2}`)
		s.sync(nil)
		s.want("theirs", `{"life":2}`)
		s.want("ours", `{"life":2}`)
		s.del("ours") // each by the other one
		s.remove("theirs")
		s.sync(nil)
		s.put("ours", `{"life":3}`)
		s.save("theirs", `{"life":3}`)
		s.sync(nil)
		s.want("theirs", `{"life":3}`)
		s.want("ours", `{"life":3}`)
		s.settled(nil)
	}},
	{name: "deleted and created anew between two syncs", run: func(s *story) {
		s.put("theirs", `{"life":1}`)
		s.save("ours", `{"life":1}`)
		s.sync(nil)
		s.del("theirs")
		s.put("theirs", `{"life":2}`)
		s.remove("ours")
		s.save("ours", `{"life":2}`)
		s.sync(nil)
		s.want("theirs", `{"life":2}`)
		s.want("ours", `{"life":2}`)
		s.settled(nil)
	}},
	{name: "an edit of what the other side has purged", run: func(s *story) {
		s.put("doc", `{"n":1}`)
		s.sync(nil)
		check(s, s.peer.docs.Purge(s.Context(), "doc"))
		s.put("doc", `{"n":2}`)
		s.sync(nil)
		s.want("doc", `{"n":2}`)
		s.settled(nil)
	}},
	{name: "blobs", run: blobs},
	{name: "document IDs and filters", run: func(s *story) {
		for _, kind := range []string{"red", "blue"} {
			s.put("their "+kind, `{"kind":"`+kind+`"}`)
			s.save("our "+kind, `{"kind":"`+kind+`"}`)
		}
		s.sync(args{"ids": []string{"our red"}, "type": "pull"})
		s.want("our red", `{"kind":"red"}`)
		if n := len(s.appDocuments()); n != 3 {
			s.Errorf("the app asked for one document by ID and has %d, want 3", n)
		}
		s.sync(args{"pushOnly": "red", "pullOnly": "blue"})
		s.want("their red", `{"kind":"red"}`)
		s.want("our blue", `{"kind":"blue"}`)
		if _, pushed := s.tandemDocuments()["their blue"]; pushed {
			s.Errorf("the app's push filter refuses a document, and Tandem has it")
		}
		s.sync(args{"reset": true}) // since the checkpoint has passed what a filter refused
		s.settled(nil)
	}},
	{name: "10,000 documents each way", run: func(s *story) {
		const n = 10_000
		body := `{"text":"` + strings.Repeat("x", 400) + `"}`
		check(s, s.app.do("load", args{"db": s.db, "prefix": "their ", "count": n, "json": body}, nil))
		check(s, s.peer.db.InBatch(s.Context(), func(b *tandem.Batch) error {
			for i := range n {
				d, err := tandem.NewDocumentWithBody(fmt.Sprintf("our %d", i), []byte(body))
				if err != nil {
					return err
				}
				if err := b.Save(s.peer.docs, d); err != nil {
					return err
				}
			}
			return nil
		}))
		s.sync(nil)
		if got := len(s.tandemDocuments()); got != 2*n {
			s.Errorf("Tandem has %d documents, want %d", got, 2*n)
		}
		s.settled(nil)
	}},
}

func blobs(s *story) {
	const small, large = "Hello, blob!", 3_000_000
	big := strings.Repeat("0123456789", large/10)
	s.put("theirs", `{}`)
	s.appBlob("theirs", "picture", small)
	s.put("their copy", `{}`)
	s.appBlob("their copy", "picture", small)
	s.ourBlob("ours", big)
	s.sync(nil)
	s.wantBlob("theirs", small)
	s.wantBlob("their copy", small)
	s.wantBlob("ours", big)
	s.appBlob("ours", "picture", "changed by the app")
	s.ourBlob("theirs", "changed by Tandem")
	s.sync(nil)
	s.wantBlob("ours", "changed by the app")
	s.wantBlob("theirs", "changed by Tandem")
	s.settled(nil)
}

func (s *story) appBlob(id, property, content string) {
	s.Helper()
	text := base64.StdEncoding.EncodeToString([]byte(content))
	check(s, s.app.do("blob put", args{"db": s.db, "id": id, "property": property, "type": "text/plain", "content": text}, nil))
}

func (s *story) ourBlob(id, content string) {
	s.Helper()
	check(s, s.peer.docs.Put(s.Context(), id, map[string]any{"picture": tandem.NewBlob("text/plain", []byte(content))}))
}

// wantBlob checks the content of a blob on both sides.
func (s *story) wantBlob(id, want string) {
	s.Helper()
	var text string
	check(s, s.app.do("blob get", args{"db": s.db, "id": id, "property": "picture"}, &text))
	theirs, err := base64.StdEncoding.DecodeString(text)
	check(s, err)
	d, err := s.peer.docs.Document(s.Context(), id)
	check(s, err)
	ours, err := d.Blob("picture").Content()
	check(s, err)
	for who, got := range map[string]string{"the app": string(theirs), "Tandem": string(ours)} {
		if got != want {
			s.Errorf("blob of %s: %s has %d bytes, %.30q…, want %d, %.30q…", id, who, len(got), got, len(want), want)
		}
	}
}
