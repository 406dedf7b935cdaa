// The box for a bearer token. The token stays in this browser tab: it survives a reload, and goes when the tab closes.

import { type FormEvent, useState } from "react";

const KEY = "explorer.token";

export function storedToken(): string {
  return sessionStorage.getItem(KEY) ?? "";
}

export function TokenBar({ token, onChange }: { token: string; onChange: (token: string) => void }) {
  const [typed, setTyped] = useState(token);

  function apply(value: string) {
    const bare = value.trim().replace(/^bearer\s+/i, "");
    sessionStorage.setItem(KEY, bare);
    setTyped(bare);
    onChange(bare);
  }

  function submit(event: FormEvent) {
    event.preventDefault();
    apply(typed);
  }

  return (
    <form className="token-bar" onSubmit={submit}>
      <label htmlFor="token">Bearer token</label>
      <input
        id="token"
        type="password"
        autoComplete="off"
        spellCheck={false}
        value={typed}
        placeholder="none: requests are anonymous"
        onChange={(event) => setTyped(event.target.value)}
      />
      <button type="submit" disabled={typed === token}>
        Use
      </button>
      <button type="button" disabled={!token && !typed} onClick={() => apply("")}>
        Forget
      </button>
      <output htmlFor="token">
        {token
          ? "Sent in the Authorization header of every request; kept in this browser tab only."
          : "No token is sent."}
      </output>
    </form>
  );
}
