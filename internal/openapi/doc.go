// Package openapi checks HTTP answers against an OpenAPI 3.1 document. It is for tests: wrap a
// handler in [Document.Watch], and every answer that the document does not describe is reported,
// also one with a member, a status or a content type that it does not name.
package openapi
