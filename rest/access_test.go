package rest_test

import "testing"

func TestWhoMayNotDoSomethingIsToldSo(t *testing.T) {
	s := serve(t, nil)
	for _, x := range []struct {
		as, request string
		status      int
	}{
		{"", "GET /shop/x", 401},
		{"nobody", "GET /shop/x", 401},
		{"bob", "GET /shop/x", 404},
		{"ron", "GET /shop/x", 404},
		{"ron", "PUT /shop/x", 403},
		{"eve", "GET /shop/x", 403},
		{"eve", "GET /missing/x", 403},
		{"eve", "GET /shop", 403},
		{"eve", "GET /other", 200},
		{"bob", "GET /shop.nothing/x", 403},
	} {
		body := ""
		if x.request[:3] == "PUT" {
			body = "{}"
		}
		if got := s.do(x.request, body, "As: "+x.as); got.status != x.status {
			t.Errorf("%s as %q: got %d %s, want %d", x.request, x.as, got.status, got.body, x.status)
		}
	}
}
