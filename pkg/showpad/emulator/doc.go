// Package emulator is a faithful stand-in for the service: v4 assets, files,
// tags, Divisions, users, languages and countries, the token endpoint and
// users/me of v3, and the storage that upload URLs point to. Tests run against
// it, and `migrate sandbox` serves it. It shares no code with the client, so
// that a misspelt field cannot pass on both sides.
//
// # Use
//
// A [Server] is an [http.Handler] for real sockets and an [http.RoundTripper]
// for calls in memory, which work inside a testing/synctest bubble:
//
//	srv, err := emulator.New(emulator.Options{Processing: time.Minute})
//	if err != nil {
//		t.Fatal(err)
//	}
//	defer srv.Close()
//	srv.Fail(emulator.Fault{Op: "postAssets", Kind: emulator.KindLost})
//	// ... let the code under test use srv.Client(), or httptest.NewServer(srv)
//	if b := srv.Books(); len(b.Duplicates) > 0 {
//		t.Errorf("duplicates: %v", b.Duplicates)
//	}
//
// # What it holds to
//
// Requests are checked as the specification has them: an unknown property,
// query parameter, route or method is an error and is noted in [Books].Unknown.
// States of files move on the clock and are worked out when somebody looks:
// there are no goroutines. Upload URLs live for [UploadURLLife] and are signed;
// storage checks what S3 checks, in its order, and answers S3's XML. Where
// nobody documents the behaviour, [Switches] change it.
//
// # What goes wrong
//
// [Server.Fail] queues faults for given requests, [Server.Chaos] draws them by
// seed, [Server.OnCommit] calls a function around every change.
//
// # Controls over HTTP
//
// With Options.Admin, callers on loopback addresses get these without a token.
// Bodies are JSON of type application/json; durations are text such as "1.5s".
//
//	GET  /_emulator/books      the Books
//	GET  /_emulator/assets     all assets, as Asset
//	GET  /_emulator/categories all tag categories, as Category
//	GET  /_emulator/personal   what was uploaded into My Files, as PersonalFile
//	GET  /_emulator/switches   the Switches
//	POST /_emulator/switches   {"dropTags": true}: members that are named change
//	POST /_emulator/faults     {"faults": [{"op": "postAssets", "kind": "lost", "nth": 2}]},
//	                           {"chaos": {"seed": 7, "rates": {"lostAfter": 0.02}}}, {"clear": true}
//	POST /_emulator/clock      {"advance": "90s"}, or "-90s"
//	POST /_emulator/holds      {"op": "postAssets", "nth": 3, "when": "before"}: the third from
//	                           now stops before its commit ("after": after it, unanswered)
//	GET  /_emulator/holds      {"state": "armed"}, or "held" once a request stands there, or "none";
//	                           ?wait=10s waits so long for "held"
//	POST /_emulator/holds/release
//	                           {}: the request goes on, whether or not its caller is still there, and
//	                           has done its work when this is answered; {"release": "drop"}: it does not
//
// # Persistence
//
// With Options.Dir every change is a line of journal.ndjson before its answer
// leaves, and bytes are files below blobs/, so that nothing is lost when the
// process is killed. The journal is written anew at [New]. Books, switches,
// faults and requests that wait to be executed late are not kept.
package emulator
