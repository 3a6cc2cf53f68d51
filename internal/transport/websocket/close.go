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
	// drainWait is how long a connection stays open after a violation, so that our CLOSE arrives.
	drainWait = time.Second

	noCode  = 1005 // the peer's CLOSE had no code
	noClose = 1006 // the connection ended without a CLOSE
)

// CloseError tells how the peer ended the connection. Code is the code that the peer sent, 1005 if
// its CLOSE had none, and 1006 if it vanished without a CLOSE.
type CloseError = blip.CloseError

// Close sends waiting messages and a CLOSE with code and reason (cut to 123 bytes), waits up to 5 s
// for the peer's CLOSE, and drops the connection. Messages that arrive meanwhile are lost. Close
// returns nil if the peer has closed too, otherwise the error that ended the connection. Code 1005
// sends a CLOSE without code.
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

// asClosed returns nil instead of the CloseError of a peer that has sent a CLOSE.
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

// leaveMessage continues with new memory, because the reader may still use its last message.
func (c *Conn) leaveMessage() {
	c.discard(c.held)
	c.in = newWindow(c.source(c.in.bytes[c.in.from:c.in.to]))
	c.held, c.message = 0, nil
}

// allow limits all operations to the time d from now. It fails only on a dead connection, whose
// next read or write fails too.
func (c *Conn) allow(d time.Duration) { _ = c.nc.SetDeadline(time.Now().Add(d)) }

// sendClose sends waiting messages and a CLOSE, unless a CLOSE was sent before.
func (c *Conn) sendClose(payload []byte) {
	c.writeMu.Lock()
	defer c.writeMu.Unlock()
	if !c.writableLocked() {
		return
	}
	c.appendLocked(opClose, payload)
	c.closeSent = true
	_ = c.sendLocked() // a failed send ends the connection, and the reader gets the error
}

// peerClosed answers the peer's CLOSE with the same, unless one was sent already, and ends the
// connection.
func (c *Conn) peerClosed(payload []byte) error {
	c.allow(closeWait)
	c.sendClose(payload)
	return c.endWith(parseClose(payload))
}

// fail ends a connection whose peer has broken the protocol. It reads on for a moment, so that the
// system does not reset the connection before our CLOSE has arrived.
func (c *Conn) fail(code int, what string) error {
	c.allow(drainWait)
	c.sendClose(closePayload(code, what))
	_, _ = io.Copy(io.Discard, c.nc)
	return c.endWith(fault.New(fault.WebSocket, code, "the peer broke the WebSocket protocol: "+what))
}

// end drops the connection. Only the first error given is kept.
func (c *Conn) end(err error) {
	c.endOnce.Do(func() {
		c.err = err
		c.beats.stop()
		close(c.dead)
		c.hangUp(err)
	})
}

// endWith ends the connection and returns the error that ended it.
func (c *Conn) endWith(err error) error {
	c.end(err)
	return c.err
}

// hangUp sends the closing alert of TLS only after a CLOSE: otherwise it could block.
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
		code = noCode // RFC 6455 forbids a CLOSE with 1006, so it counts as one without a code
	}
	return &CloseError{Code: code, Reason: strings.ToValidUTF8(string(p[2:]), "�")}
}
