import Link from "next/link";

export default function NotFound() {
  return (
    <main className="grid min-h-dvh place-items-center">
      <div className="text-center">
        <h1 className="text-lg font-semibold">No such page</h1>
        <Link href="/" prefetch={false} className="text-accent hover:underline">
          Back to the live picture
        </Link>
      </div>
    </main>
  );
}
