// Package gatetest puts an HTTP gateway in front of a listener, for tests of what gateways add to a connection.
//
//	through, cookies := gatetest.Start(t, listener.URLs()[0], func(r *http.Response) error {
//		r.Header.Set("Set-Cookie", "session=a; Path=/")
//		return nil
//	})
package gatetest
