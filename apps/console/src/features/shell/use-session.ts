"use client";

import { useEffect } from "react";
import { api, Problem } from "@/lib/api";
import { useUi } from "@/state/ui";

export function toLogin(): void {
  window.location.assign("/login/");
}

/** Asks who is signed in; without a session the page goes to sign in. A gateway that is away is the link's matter. */
export function useSession(): void {
  const setPrincipal = useUi((ui) => ui.setPrincipal);
  useEffect(() => {
    api.whoAmI().then(setPrincipal, (error: unknown) => {
      if (error instanceof Problem && error.status === 401) toLogin();
    });
  }, [setPrincipal]);
}
