package api_test

import (
	"net/http"
	"testing"
)

func TestAnAdministratorKeepsUsers(t *testing.T) {
	each(t, func(h *testHub) {
		jana := h.call("POST", "/v1/users", `{"name":"Jana","email":"Jana@Example.com","role":"administrator","language":"cs","time_zone":"Europe/Prague","theme":"dark","password":"correct horse"}`)
		jana.want(http.StatusCreated)
	})
}
