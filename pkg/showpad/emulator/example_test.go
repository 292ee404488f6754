package emulator_test

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/showpad-migrate/migrate/pkg/showpad/emulator"
)

// An answer that is lost after the work was done leaves an asset behind, which a
// look-up finds.
func ExampleServer_Fail() {
	srv, err := emulator.New(emulator.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer srv.Close()
	srv.Fail(emulator.Fault{Op: "postAssets", Kind: emulator.KindLost})

	body := `{"name": "deck.pdf", "externalId": "SP-1", "division": {"id": "` + emulator.DivisionMarketing + `"}}`
	req, err := http.NewRequest("POST", "https://acme.api.showpad.com/v4/assets", strings.NewReader(body))
	if err != nil {
		fmt.Println(err)
		return
	}
	req.Header.Set("Authorization", "Bearer "+emulator.DefaultToken)
	req.Header.Set("Content-Type", "application/json")
	_, err = srv.Client().Do(req)
	fmt.Println("answered:", err == nil)
	fmt.Println("assets:", len(srv.Assets()))
	// Output:
	// answered: false
	// assets: 1
}
