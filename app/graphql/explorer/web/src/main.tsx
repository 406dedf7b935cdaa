import "./nonce";
import "./lint";
import { explorerPlugin } from "@graphiql/plugin-explorer";
import { useEditorContext, useExecutionContext } from "@graphiql/react";
import { GraphiQL } from "graphiql";
import { useEffect, useMemo, useRef, useState } from "react";
import { createRoot } from "react-dom/client";
import "@graphiql/plugin-explorer/style.css";
import "graphiql/style.css";
import "./style.css";
import { isFirstVisit, makeTabs, type Tab } from "./examples";
import { createFetcher } from "./fetcher";
import { readExamples } from "./page";
import { storedToken, TokenBar } from "./token";

const plugins = [explorerPlugin()];

function App({ tabs }: { tabs: Tab[] }) {
  const [token, setToken] = useState(storedToken);
  const fetcher = useMemo(() => createFetcher(token), [token]); // a new one makes GraphiQL read the schema anew
  return (
    <>
      <TokenBar token={token} onChange={setToken} />
      <GraphiQL
        fetcher={fetcher}
        plugins={plugins}
        defaultTabs={tabs}
        defaultEditorToolsVisibility="variables"
        showPersistHeadersSettings={false} // they may hold a token, which is not to outlive the browser tab
      >
        <GraphiQL.Logo>
          Registry
          {tabs.length > 0 && <RunOnce />}
        </GraphiQL.Logo>
      </GraphiQL>
    </>
  );
}

/** Runs the first example, a query, as soon as its text stands in the editor. */
function RunOnce() {
  const { queryEditor } = useEditorContext({ nonNull: true });
  const { run } = useExecutionContext({ nonNull: true });
  const done = useRef(false);
  useEffect(() => {
    if (queryEditor?.getValue() && !done.current) {
      done.current = true;
      run();
    }
  }, [queryEditor, run]);
  return null;
}

async function start() {
  const tabs = isFirstVisit() ? await makeTabs(readExamples(), storedToken()) : [];
  const root = document.getElementById("explorer");
  if (root) {
    createRoot(root).render(<App tabs={tabs} />);
  }
}

void start();
