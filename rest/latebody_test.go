package rest_test

import (
	"io"
	"testing"
)

// A client that sends its body slowly cannot use rights that are gone.
func TestRightsTakenAwayDuringABodyAreGone(t *testing.T) {
	for name, request := range map[string][3]string{
		"document":   {"PUT /shop/late", `{"n":`, `1}`},
		"new":        {"POST /shop", `{"_id":"late",`, `"n":1}`},
		"by the way": {"PUT /shop", `{"_id":"late",`, `"n":1}`},
		"bulk":       {"POST /shop/_bulk_docs", `{"docs":[{"_id":"late"}`, `]}`},
		"property":   {"PUT /shop/late/n", `"a`, `b"`},
		"blob":       {"PUT /shop/late/n", "from", "to"},
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, nil)
			r := s.request(request[0], "later")
			if name == "blob" {
				r.Header.Set("Content-Type", "text/plain")
			}
			body, send := io.Pipe()
			r.Body, r.ContentLength = body, -1
			r.Header.Set("Expect", "100-continue") // so that the first bytes leave when the server reads
			got := make(chan answer)
			go func() { got <- s.send(r) }()
			_, err := io.WriteString(send, request[1])
			check(t, err)
			s.handler.SetUsers(usersWith(t, `{"bob":{"password":"BOB","access":{"shop.*":["read"]}}}`))
			_, err = io.WriteString(send, request[2])
			check(t, err)
			check(t, send.Close())
			s.want(<-got, 403, "")
			s.want(s.do("GET /shop/late", ""), 404, "")
		})
	}
}
