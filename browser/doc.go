// Package browser tests the page of Tandem in Chromium. It is a module of its own, so that Tandem needs no
// driver of browsers.
package browser
