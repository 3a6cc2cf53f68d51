package transport_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/transport"
)

const interim = "HTTP/1.1 103 Early Hints\r\nLink: </style.css>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n"

func TestAListenersAnswerDecidesTheDial(t *testing.T) {
	with := func(old, replacement string) func(string) string {
		return func(request string) string { return strings.Replace(switching(request), old, replacement, 1) }
	}
	plain := func(response string) func(string) string {
		return func(string) string { return response }
	}
	status := func(code int) func(string) string {
		return plain(fmt.Sprintf("HTTP/1.1 %d Some Text\r\nContent-Length: 0\r\n\r\n", code))
	}
	tests := map[string]struct {
		answer func(request string) string
		code   int // in the WebSocket domain; 0 for a connection
	}{
		"good":                       {switching, 0},
		"header names in other case": {with("Connection: Upgrade\r\nUpgrade", "CONNECTION: Upgrade\r\nupgrade"), 0},
		"values in other case":       {with("Upgrade\r\nUpgrade: websocket", "upgrade\r\nUpgrade: WebSocket"), 0},
		"interim responses":          {func(r string) string { return interim + switching(r) }, 0},
		"no end of interim ones":     {plain(strings.Repeat(interim, 1000)), 400},
		"no reason phrase":           {with(" Switching Protocols", ""), 0},
		"list of tokens":             {with("Connection: Upgrade", "Connection: keep-alive, Upgrade"), 0},
		"extension nobody asked for": {with("\r\n\r\n", "\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n"), 0},
		"no Connection":              {with("Connection: Upgrade\r\n", ""), 1002},
		"no Upgrade":                 {with("Upgrade: websocket\r\n", ""), 1002},
		"wrong Accept":               {with("Sec-WebSocket-Accept: ", "Sec-WebSocket-Accept: x"), 1002},
		"no protocol":                {with("Sec-WebSocket-Protocol: "+cbm4+"\r\n", ""), 1002},
		"protocol not offered":       {with("CBMobile_4", "CBMobile_2"), 403},
		"part of a protocol":         {with("CBMobile_4", "CBMobile"), 403},
		"200":                        {status(200), 1002},
		"401":                        {status(401), 401},
		"404":                        {status(404), 404},
		"500":                        {status(500), 500},
		"503":                        {status(503), 503},
		"not HTTP":                   {plain("SSH-2.0-OpenSSH_9.6\r\n"), 400},
		"nothing":                    {plain(""), 400},
		"half a response":            {plain("HTTP/1.1 101 Switching Protocols\r\nConnection: Upg"), 400},
		"headers without end":        {plain("HTTP/1.1 101 Ok\r\n" + strings.Repeat("X-Junk: 0123456789\r\n", 1e4)), 400},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			e, requests := rawServer(t, test.answer)
			c, err := transport.Dial(t.Context(), transport.DialConfig{
				Endpoint: e, Protocols: []string{cbm4}, Credentials: &transport.Credentials{User: "u", Password: "p"},
			})
			if err == nil {
				defer c.Abort()
			}
			if test.code == 0 && err != nil {
				t.Errorf("got %v, want a connection", err)
			}
			if test.code != 0 {
				checkFault(t, err, fault.WebSocket, test.code)
			}
			if n := len(requests()); n != 1 {
				t.Errorf("%d requests, want one: no answer is asked for twice", n)
			}
		})
	}
}

func TestTheListenersOwnWordsArePassedOn(t *testing.T) {
	tests := map[string]struct{ kind, body, want string }{
		"JSON":            {"application/json", `{"error":"x","reason":"no such user"}`, "no such user"},
		"text":            {"text/plain; charset=utf-8", "I only speak CBMobile_3\n", "I only speak CBMobile_3"},
		"HTML":            {"text/html", "<p>no</p>", "404 Lost"},
		"broken JSON":     {"application/json", `{"reason":`, "404 Lost"},
		"terminal tricks": {"text/plain", "a\x1b[31mb", "a [31mb"},
		"much":            {"text/plain", strings.Repeat("x", 100_000), strings.Repeat("x", 1024)},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			e, _ := rawServer(t, func(string) string {
				return fmt.Sprintf("HTTP/1.1 404 Lost\r\nContent-Type: %s\r\nServer: Other/1\r\nX-Correlation-Id: abc\r\n"+
					"Content-Length: %d\r\n\r\n%s", test.kind, len(test.body), test.body)
			})
			_, err := transport.Dial(t.Context(), transport.DialConfig{Endpoint: e, Protocols: []string{cbm4}})
			if f := fault.Of(err); f == nil || f.Message != test.want || f.Hint == "" {
				t.Errorf("got %+v, want the message %q and a hint", f, test.want)
			}
			var failed *transport.DialError
			if !errors.As(err, &failed) || failed.Server != "Other/1" || failed.CorrelationID != "abc" {
				t.Errorf("got %+v, want what the peer said of itself", failed)
			}
		})
	}
}

func TestARefusalWithoutAnEndIsARefusal(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	over := make(chan struct{})
	go func() {
		defer close(over)
		nc, err := l.Accept()
		if err != nil {
			return
		}
		defer nc.Close()
		_, _ = io.WriteString(nc, "HTTP/1.1 401 No\r\nContent-Type: text/plain\r\n\r\nwho are you?")
		_, _ = io.Copy(io.Discard, nc) // until the client hangs up
	}()
	_, err = transport.Dial(t.Context(), transport.DialConfig{
		Endpoint: endpoint(t, "ws://"+l.Addr().String()+"/db"), Protocols: []string{cbm4},
	})
	checkFault(t, err, fault.WebSocket, 401)
	<-over
}

func TestUnreachablePeersAreToldApart(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close() // accepts connections and sends nothing
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = closed.Close()
	tests := map[string]struct {
		url  string
		want *fault.Error
		text string // that the message ends in
	}{
		"refused":      {"ws://" + closed.Addr().String() + "/db", fault.ConnectionRefused, ": connection refused: " + closed.Addr().String()},
		"stalled":      {"ws://" + l.Addr().String() + "/db", fault.Timeout, ""},
		"stalled TLS":  {"wss://" + l.Addr().String() + "/db", fault.Timeout, ""},
		"no such name": {"ws://no-such-host.invalid/db", fault.UnknownHost, ": no such host: no-such-host.invalid"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := transport.Dial(t.Context(), transport.DialConfig{
				Endpoint: endpoint(t, test.url), Protocols: []string{cbm4}, Timeout: 300 * time.Millisecond,
			})
			if name == "no such name" && errors.Is(err, fault.DNSFailure) || errors.Is(err, fault.Timeout) {
				return // this machine has no name service
			}
			checkFault(t, err, test.want.Domain, test.want.Code)
			if fault.HintOf(err) == "" {
				t.Errorf("no hint in %v", err)
			}
			if !strings.HasSuffix(err.Error(), test.text) {
				t.Errorf("got %q, want an end %q", err, test.text)
			}
		})
	}
}

func TestTheCallersContextEndsDialing(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	why := errors.New("the user left")
	ctx, cancel := context.WithCancelCause(t.Context())
	time.AfterFunc(10*time.Millisecond, func() { cancel(why) })
	_, err = transport.Dial(ctx, transport.DialConfig{
		Endpoint: endpoint(t, "ws://"+l.Addr().String()+"/db"), Protocols: []string{cbm4},
	})
	if !errors.Is(err, why) {
		t.Errorf("got %v, want %v", err, why)
	}
}

func TestImpossibleDialsAreInvalid(t *testing.T) {
	e := endpoint(t, "ws://127.0.0.1:1/db")
	for name, cfg := range map[string]transport.DialConfig{
		"no endpoint":   {Protocols: []string{cbm4}},
		"no protocol":   {Endpoint: e},
		"negative time": {Endpoint: e, Protocols: []string{cbm4}, Heartbeat: -1},
		"two ways to trust": {
			Endpoint: e, Protocols: []string{cbm4},
			Trust: transport.Trust{SelfSignedOnly: true, Roots: issue(t, nil, nil).chain()},
		},
	} {
		if _, err := transport.Dial(t.Context(), cfg); !errors.Is(err, fault.Invalid) {
			t.Errorf("%s: got %v, want invalid", name, err)
		}
	}
}
