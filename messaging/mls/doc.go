// Package mls is end-to-end encryption for groups: the Messaging Layer Security
// protocol (RFC 9420), with a small session API on top.
package mls
