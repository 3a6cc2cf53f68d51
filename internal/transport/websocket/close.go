package websocket

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"strings"
	"time"

	"github.com/tandemdb/tandem/blip"
	"github.com/tandemdb/tandem/internal/fault"
)

const (
	// closeWait is how long Close waits for the peer's CLOSE.
	closeWait = 5 * time.Second
	// drainWait is how long a violated connection is kept to let our CLOSE arrive.
	drainWait = time.Second

	noCode  = 1005 // the peer's CLOSE had no code
	noClose = 1006 // the connection ended without a CLOSE
)

// CloseError tells how the peer ended the connection. Code is the one it sent, 1005 if it
// sent none, and 1006 if it went without a CLOSE.
type CloseError = blip.CloseError

// Close sends what is waiting and a CLOSE with code and reason (cut to 123 bytes), waits up
// to 5 s for the peer's CLOSE, and drops the connection. Messages that arrive meanwhile are
// lost. It returns nil if the peer closed too, and how the connection ended otherwise.
// Code 1005 stands for a CLOSE without code.
func (c *Conn) Close(code int, reason string) error {
	defer func() { _ = c.Abort() }()
	c.allow(closeWait)
	c.sendClose(closePayload(code, reason))
	return c.asClosed(c.awaitClose())
}

// Abort drops the connection at once: the peer sees 1006. It always returns nil.
func (c *Conn) Abort() error {
	c.end(net.ErrClosed)
	<-c.stopped
	return nil
}

// asClosed forgives the end of a connection that the peer has closed in good form.
func (c *Conn) asClosed(err error) error {
	var closed *CloseError
	if errors.As(err, &closed) && closed.Code != noClose {
		return nil
	}
	return err
}

// awaitClose reads and drops messages until the connection ends.
func (c *Conn) awaitClose() error {
	c.readMu.Lock()
	defer c.readMu.Unlock()
	c.leaveMessage()
	for {
		if _, err := c.readLocked(context.Background()); err != nil {
			return err
		}
	}
}

// leaveMessage goes on in other memory: the reader may still be looking at its last message.
func (c *Conn) leaveMessage() {
	c.discard(c.held)
	c.in = newWindow(c.source(c.in.bytes[c.in.from:c.in.to]))
	c.held, c.message = 0, nil
}

// allow gives everything under way no more time than d. A connection for which this fails is
// dead, as the next read or write will tell.
func (c *Conn) allow(d time.Duration) { _ = c.nc.SetDeadline(time.Now().Add(d)) }

// sendClose sends what is waiting and a CLOSE, unless one was sent before.
func (c *Conn) sendClose(payload []byte) {
	c.writeMu.Lock()
	defer c.writeMu.Unlock()
	if !c.writableLocked() {
		return
	}
	c.appendLocked(opClose, payload)
	c.closeSent = true
	_ = c.sendLocked() // the reader learns of an error
}

// peerClosed answers the peer's CLOSE with the same, unless ours is on its way, and ends.
func (c *Conn) peerClosed(payload []byte) error {
	c.allow(closeWait)
	c.sendClose(payload)
	return c.endWith(parseClose(payload))
}

// fail ends a connection whose peer broke the protocol. Reading on for a moment keeps the
// system from resetting the connection before our CLOSE has arrived.
func (c *Conn) fail(code int, what string) error {
	c.allow(drainWait)
	c.sendClose(closePayload(code, what))
	_, _ = io.Copy(io.Discard, c.nc)
	return c.endWith(fault.New(fault.WebSocket, code, "the peer broke the WebSocket protocol: "+what))
}

// end drops the connection. The first reason given stays.
func (c *Conn) end(err error) {
	c.endOnce.Do(func() {
		c.err = err
		c.beats.stop()
		close(c.dead)
		c.hangUp(err)
	})
}

// endWith is end for those who then return how the connection ended.
func (c *Conn) endWith(err error) error {
	c.end(err)
	return c.err
}

// hangUp takes leave of TLS only after a CLOSE: otherwise it could block.
func (c *Conn) hangUp(err error) {
	var closed *CloseError
	t, ok := c.nc.(*tls.Conn)
	if ok && !(errors.As(err, &closed) && closed.Code != noClose) {
		_ = t.NetConn().Close()
		return
	}
	_ = c.nc.Close()
}

func dropped(err error) *CloseError {
	if errors.Is(err, io.EOF) {
		return &CloseError{Code: noClose}
	}
	return &CloseError{Code: noClose, Reason: err.Error()}
}

func closePayload(code int, reason string) []byte {
	if code == noCode {
		return nil
	}
	p := append(binary.BigEndian.AppendUint16(nil, uint16(code)), reason...)
	if len(p) > maxControl {
		p = bytes.ToValidUTF8(p[2:maxControl], nil)
		p = append(binary.BigEndian.AppendUint16(nil, uint16(code)), p...)
	}
	return p
}

func parseClose(p []byte) *CloseError {
	if len(p) < 2 {
		return &CloseError{Code: noCode}
	}
	code := int(binary.BigEndian.Uint16(p))
	if code == noClose {
		code = noCode // this is one: no peer may claim that it has vanished
	}
	return &CloseError{Code: code, Reason: strings.ToValidUTF8(string(p[2:]), "�")}
}
