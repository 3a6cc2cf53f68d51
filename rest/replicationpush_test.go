package rest_test

import (
	"fmt"
	"strings"
	"testing"
)

func TestOneDocumentIsPushedNow(t *testing.T) {
	p := newPeer(t)
	s := serve(t, nil)
	for _, id := range []string{"a", "b"} {
		s.want(s.do("PUT /shop/"+id, `{"n":1}`), 201, "")
	}
	s.want(s.do("PUT /shop.other", "", "As: ann"), 201, "")
	n := s.start(`{"source":"shop","target":"`+p.url+`","doc_ids":["nothing"],`+sue+`}`, "As: ann")
	s.becomes(n, "Stopped", "ann")
	narrow := fmt.Sprintf("POST /_replicate/%d/push", n)
	s.want(s.do(narrow, `{"id":"a"}`, "As: ann"), 400, "")
	n = s.start(`{"source":"shop","target":"`+p.url+`","continuous":true,`+sue+`}`, "As: ann")
	s.becomes(n, "Idle", "ann")
	s.want(s.do(fmt.Sprintf("POST /_replicate/%d/stop", n), "", "As: ann"), 200, "")
	s.becomes(n, "Stopped", "ann")
	s.want(s.do("PUT /shop/c", `{"n":1}`), 201, "")
	s.want(s.do("PUT /shop/d", `{"n":1}`), 201, "")

	push := fmt.Sprintf("POST /_replicate/%d/push", n)
	s.want(s.do(push, `{"id":"c"}`, "As: ann"), 200, `{"ok":true,"docs_written":1}`)
	s.want(s.do(push, `{"id":"c","collection":"_default._default"}`, "As: ann"), 200, `{"ok":true,"docs_written":0}`)
	if _, err := p.coll.Document(t.Context(), "c"); err != nil {
		t.Error(err)
	}
	if _, err := p.coll.Document(t.Context(), "d"); err == nil {
		t.Error("another document was pushed, too")
	}
	for _, body := range []string{``, `{}`, `[]`, `{"id":"c","collection":"other"}`, `{"id":"c","collection":"."}`} {
		s.want(s.do(push, body, "As: ann"), 400, "")
	}
	s.want(s.do(push, `{"id":"c"}`, "As: bob"), 403, "")
	s.want(s.do(push, `{"id":"c"}`, "As: rob"), 404, "") // another user's
	pull := s.start(`{"source":"`+p.url+`","target":"shop",`+sue+`}`, "As: ann")
	s.want(s.do(fmt.Sprintf("POST /_replicate/%d/push", pull), `{"id":"c"}`, "As: ann"), 400, "")
}

func TestAPushThatFailsSaysWhy(t *testing.T) {
	p := newPeer(t)
	s := serve(t, nil)
	s.want(s.do("PUT /shop/c", `{"n":1}`), 201, "")
	n := s.start(`{"source":"shop","target":"`+p.url+`","auth":{"user":"sue","password":"wrong"}}`, "As: ann")
	s.becomes(n, "Stopped", "ann")
	got := s.want(s.do(fmt.Sprintf("POST /_replicate/%d/push", n), `{"id":"c"}`, "As: ann"), 200, "")
	if !strings.Contains(got.body, `"ok":false`) || !strings.Contains(got.body, "password is wrong") {
		t.Errorf("got %s", got.body)
	}
}
